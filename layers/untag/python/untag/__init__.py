"""untag: removes tags from cloud resources when something says they should go.

The floors of the package, lowest first; a module imports from its own floor and from those below it only:

1. `contracts`   what comes in and what goes out, as values
2. `signing`     httpx.Auth classes for AWS, JD Cloud and Huawei Cloud
3. `providers`   one module per cloud API
4. `core`        requests -> calls -> outcomes
5. `delivery`    reports, dead letters and remainders to where they belong
6. `settings`    the environment, read once; and `service`, which puts the floors together for the handlers
"""

__version__ = "0.1.0"
