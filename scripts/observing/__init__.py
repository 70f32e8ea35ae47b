"""`make observe`: a server, Prometheus and Alertmanager on this machine, under a demo load."""
