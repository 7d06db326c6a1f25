"""Leaderboard entries: their schema, how they are made, found and added to a board."""
