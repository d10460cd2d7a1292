"""What is right and what is wrong with a set-up, given what was seen of it. Pure: those who look are at the edges."""
