"""Jobs: a mapping and its source opened, checked, mapped, submitted."""
