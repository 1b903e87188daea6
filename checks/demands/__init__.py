"""What a request demands of its answer, and what the answer has of it"""
