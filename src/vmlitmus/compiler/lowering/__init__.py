"""From syntax trees of steps, sections and conditions to the intermediate form."""
