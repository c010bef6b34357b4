"""A pretend AWS on this computer: moto's server with its gaps patched, and instances that really answer over SSH.

One background process per project, bound to the loopback address. `docs/rehearsal.md` lists every patch and every
fault, and says what no rehearsal can show. Product code talks to it only as it would talk to AWS (an endpoint URL, a
host and a port); the one door for starting, ending and troubling it is `infra.rehearsal.client`.

    client            what the command line uses; imports nothing heavy
    cloud/            the AWS side: moto, the layer in front of it, and one module per patch
    instance/         one rented computer: disk, boot, SSH, metadata service
    shims/            the programs on an instance that stand in for docker, systemctl, shutdown, ...
"""
