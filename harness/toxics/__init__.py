"""What a proxy may do to a connection: one `Toxic` a file, pure.

Never here: sockets, tasks, or what a fault means for a target.
"""
