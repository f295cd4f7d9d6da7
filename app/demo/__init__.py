"""The demo business, the fakes that demo mode and the tests share, and the simulated phone."""
