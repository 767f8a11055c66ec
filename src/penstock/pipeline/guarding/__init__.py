"""Guards around an attempt: the request is judged before it is sent, the answer before it is given out."""
