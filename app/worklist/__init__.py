"""The one worklist (我的任务): everything that asks a person to act is a work item here."""
