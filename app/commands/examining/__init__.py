"""What `doctor` looks at beyond this machine: certificates and Apple's servers, Google, and the way in from outside."""
