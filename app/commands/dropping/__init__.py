"""The connector for tills that can only write files: a folder of CSV files, done through the public API of any server, answered beside."""
