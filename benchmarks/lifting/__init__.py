"""What finetuning a small model on a choice of data does to its loss on other people's answers"""
