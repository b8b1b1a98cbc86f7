"""Disposal: what is due, and its destruction by an approved plan, from the list to the certificate.

Opus lists what is due, and marks as destroyed what it is asked to. The objects are in the source, and their
owner destroys them: nothing here does.
"""
