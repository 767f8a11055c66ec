"""The request log's tables: rows, content, partitions, retention."""
