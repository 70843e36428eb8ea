"""The simulation: systems, the CALF check, TD3, training, the swarm, and the frame states they yield."""
