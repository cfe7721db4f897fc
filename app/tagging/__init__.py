"""Tags (标签): the corp's vocabulary as WeCom keeps it, and which of them a binding carries."""
