"""Shortening a conversation: the older messages give way to a summary that the agent's own model writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict

from polos.agents.memory import SUMMARIZE, CompactionConfig, cut_for, estimate, transcript, view
from polos.agents.model_step import RETRIES, Model, ModelAnswer, ModelCall, Prompt, call_model
from polos.agents.profile import request_of
from polos.agents.run import Run
from polos.llm.types import Message, user
from polos.runtime.environment import step_environment


class Shortened(BaseModel):
    """What the journal keeps of one shortening.

    `summary` stands for the first `cut` messages, what is sent then has about `tokens`. `answer`: the call of the model
    that wrote it, None if nothing could be cut. `complete`: whether all that was to be summarized is.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: Literal[1] = 1
    cut: int
    summary: str
    tokens: int
    answer: ModelAnswer | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be shortened."""

    model: Model
    prompt: Prompt
    config: CompactionConfig
    step: str


async def shorten(run: Run, name: str) -> None:
    """Shorten the conversation of a run, in as many calls of the model as its length needs.

    Raises:
        StepExecutionError: The model did not answer.
    """
    for part in range(1_000_000):
        talk = run.talk
        prompt = Prompt(talk.past, tuple(talk.own), talk.cut, talk.summary)
        job = Job(run.model, prompt, run.profile.compaction, f"{name}:{part}")
        shortened: Shortened = await run.ctx.step.run(job.step, summarize, job, **RETRIES)
        if shortened.answer is not None:
            run.spend(shortened.answer)
        talk.compacted(shortened.cut, shortened.summary, shortened.tokens)
        if shortened.complete:
            return


async def summarize(job: Job) -> Shortened:
    """Find the cut, and let the model summarize what is before it; a long part is done piece by piece."""
    prompt = job.prompt
    everything = (*prompt.before(step_environment()), *prompt.own)
    cut = cut_for(everything, job.config, prompt.cut)
    if cut == prompt.cut:
        return _as_it_was(prompt, everything, None)
    reached = _reach(everything, prompt.cut, cut, job.config.max_conversation_tokens)
    answer = await _ask(job, transcript(everything[prompt.cut : reached], prompt.summary))
    summary = answer.response.text
    if not summary.strip():  # better long than forgotten
        return _as_it_was(prompt, everything, answer)
    return Shortened(
        cut=reached,
        summary=summary,
        tokens=estimate(view(everything, reached, summary)),
        answer=answer,
        complete=reached == cut,
    )


def _as_it_was(prompt: Prompt, everything: tuple[Message, ...], answer: ModelAnswer | None) -> Shortened:
    tokens = estimate(view(everything, prompt.cut, prompt.summary))
    return Shortened(cut=prompt.cut, summary=prompt.summary, tokens=tokens, answer=answer)


def _reach(messages: tuple[Message, ...], start: int, cut: int, allowed: int) -> int:
    """How far one call of the model can summarize: as many messages as are allowed, one at least."""
    end = start + 1
    while end < cut and estimate(messages[start : end + 1]) <= allowed:
        end += 1
    while end < cut and messages[end].role == "tool":  # a cut between a call and its results is none
        end += 1
    return end


async def _ask(job: Job, text: str) -> ModelAnswer:
    request = request_of(job.model, system=SUMMARIZE)
    asked = Prompt(None, (), instead=(user(f"<conversation>\n{text}\n</conversation>"),))
    limited = replace(request, max_output_tokens=job.config.max_summary_tokens)
    return await call_model(ModelCall(job.model, limited, asked, step=job.step))
