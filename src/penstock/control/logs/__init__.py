"""The request log as people read it: lists, filters, exports, and rows of other programs."""
