//! The only spawner: own process group, deadline, bounded capture, kill for real.
