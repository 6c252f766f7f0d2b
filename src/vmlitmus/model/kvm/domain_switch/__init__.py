"""What is cleared when a cpu goes from one domain to another, and what keeps siblings apart."""
