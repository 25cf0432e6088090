"""How one number is spelled: digits, separators, and what stands around them."""
