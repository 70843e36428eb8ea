"""Draw a swarm on a live critic landscape with Panda3D, out of GPU buffers."""
