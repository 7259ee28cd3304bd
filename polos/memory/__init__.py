"""What agents remember, under the import path of the contract."""
