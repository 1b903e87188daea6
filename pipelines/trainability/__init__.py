"""What a trainer will do with each record: its chat template and tokenizer at work before it has them"""
