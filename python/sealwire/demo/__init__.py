"""The demonstration behind `sealwire demo`: a wearable, a gateway, a broker, a hub, and someone in the middle."""
