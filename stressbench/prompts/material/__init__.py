"""What prompt classes are made of: facts, wordings, haystacks, rows of a user's file."""
