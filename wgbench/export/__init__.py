"""What an entry leaves for others to use: networks, a card, and predictions per example."""
