"""Lists: by status, workflow, tree, session, user, attribute and time, newest first, in pages that miss none."""

from polos import WorkflowContext, workflow
from polos.runtime.control import Control, Filter
from polos.testing.harness import Harness


@workflow(id="ends-well")
async def ends_well(ctx: WorkflowContext) -> None:
    return None


@workflow(id="ends-badly")
async def ends_badly(ctx: WorkflowContext) -> None:
    raise ValueError("badly")


@workflow(id="has-a-child")
async def has_a_child(ctx: WorkflowContext) -> None:
    await ctx.step.invoke_and_wait("child", ends_well)


def ids(world: Harness, **wanted: object) -> list[str]:
    """All pages of two."""
    found, cursor = [], None
    while True:
        page, cursor = Control(world.service).find(Filter(**wanted), limit=2, cursor=cursor)
        assert len(page) <= 2
        found += [meta.info.execution for meta in page]
        if cursor is None:
            return found


def started(world: Harness, count: int, flow: object = ends_well, **options: object) -> list[str]:
    """Started a second apart; the last one first, as a list shows them."""
    made = []
    for _ in range(count):
        made.append(world.start(flow, **options).id)
        world.advance(1)
    return made[::-1]


def test_pages_of_all_kinds_miss_none_and_repeat_none(world: Harness) -> None:
    good, bad = started(world, 5), started(world, 3, ends_badly)
    assert ids(world) == bad + good
    assert ids(world, workflow="ends-well") == good
    assert ids(world, status="failed") == bad
    assert ids(world, status="completed", workflow="ends-badly") == []


def test_attributes_must_all_be_equal(world: Harness) -> None:
    red = started(world, 3, attributes={"team": "red", "tier": "gold"})
    started(world, 2, attributes={"team": "blue", "tier": "gold"})
    plain_red = started(world, 1, attributes={"team": "red"})
    assert ids(world, attributes={"team": "red"}) == plain_red + red
    assert ids(world, attributes={"team": "red", "tier": "gold"}) == red
    assert ids(world, attributes={"team": "red"}, status="failed") == []
    assert ids(world, attributes={"team": "green"}) == []


def test_session_user_and_time(world: Harness) -> None:
    first = started(world, 2, session_id="s1", user_id="u1")
    begun = int(world.clock.now() * 1000)
    second = started(world, 3, session_id="s2", user_id="u1")
    assert ids(world, session="s1") == first
    assert ids(world, user="u1") == second + first
    assert ids(world, created_before=begun) == first
    assert ids(world, created_after=begun - 1) == second


def test_a_tree(world: Harness) -> None:
    parents = started(world, 2, has_a_child)
    for parent in parents:
        tree = ids(world, tree=parent)
        assert len(tree) == 2
        assert parent in tree
    assert len(ids(world, workflow="ends-well")) == 2
