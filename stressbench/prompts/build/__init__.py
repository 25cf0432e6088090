"""Building a prompt of an exact number of tokens: outline, filler, chat template, conditions."""
