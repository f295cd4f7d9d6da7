"""Stand-ins for the outside (Apple's push servers, Google, SMS gateways) that speak the real protocols."""
