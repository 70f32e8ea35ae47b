"""Grafana's dashboards, as code: a module for each, and what they are made of in `panels`."""
