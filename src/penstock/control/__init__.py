"""The service layer of the control plane: create, list, read, change and delete what has a name.

One module a resource, used by the admin API and by the command line alike. Nothing here knows HTTP: functions take a
``ControlPlane``, the ``Actor`` who asks and JSON values, and return JSON values or raise ``Refusal``.
"""
