"""Follow-up plans (跟进计划): documents, published versions, and which version is in force where."""
