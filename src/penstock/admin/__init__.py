"""The admin API: the service layer of control/ over HTTP, under the paths that Portkey's clients call.

One module a resource, with a table of its routes; app/root.py puts them together. A handler only decodes, authorises
and encodes. Starlette is imported when the first request comes.
"""
