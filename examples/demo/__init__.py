"""`make demo`: a workflow over a real data set is killed in the middle, restarted, and finishes."""
