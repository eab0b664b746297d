//! TLS on a loopback port, the authority behind it, the token, and the kubeconfig that names all of them.
