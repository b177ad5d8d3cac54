"""What a cell runs on: the contract in `base`, and one module or package for each runtime."""
