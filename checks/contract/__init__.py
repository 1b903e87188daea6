"""What a release must hold, as rules that Great Expectations validates, and how it does so"""
