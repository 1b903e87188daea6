"""What a good record, and a good dataset, is. Pure: frames in, columns out."""
