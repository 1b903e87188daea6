"""What several people's answers say together: agreement, consensus, decisions."""
