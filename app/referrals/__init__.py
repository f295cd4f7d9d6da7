"""Invitations: friends who bring friends, and closed clubs."""
