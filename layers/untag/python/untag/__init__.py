"""untag: removes tags from cloud resources: on request, when a resource was deleted, and on a schedule.

The floors of the package, lowest first; a module imports from its own floor and from those below it only:

1. `contracts`   what comes in and what goes out, as values
2. `providers`   a folder for each cloud: everything that the cloud says
3. `core`        requests -> calls -> outcomes
4. `hosts.base`  what the functions ask of the host that they run on
5. `runtime`, `worker`, `messages`, `settings`: what the functions share
6. `removal`, `decommission`, `sweep`: what each function does
7. `hosts.aws`, `hosts.functiongraph`, `hosts.here`: a folder for each host: everything that its platform says

Beside them: `transport` (HTTP), `environment` (the variables of every host) and `startup` (a shorter cold start).
"""

__version__ = "1.0.0"
