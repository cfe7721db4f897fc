"""What events from WeCom make of our tables: each handler looks at WeCom first, and writes what it saw."""
