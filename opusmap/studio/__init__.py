"""The studio: a web page, served to one person on this machine, on which a mapping is made, tried and sent.

Owns the server and its screens. A mapping's file stays the only truth: each click is an edit of its text by
`edits`, each answer about it comes from `language` and the jobs that the command line runs, too.
"""
