"""The harness users test their workflows with: AWS in the process, virtual time, crashes at chosen writes."""
