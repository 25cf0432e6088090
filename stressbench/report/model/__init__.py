"""What a report says, as data: the one reduction that terminal, Markdown and page share."""
