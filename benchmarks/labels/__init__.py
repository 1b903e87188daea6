"""What people labelled, and how well checks and scores find it: a subject a file"""
