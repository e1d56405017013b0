# SPDX-License-Identifier: Apache-2.0
"""The disk of a virtual machine: Debian with its own kernel and GRUB, on LVM, built once and cached.

    /boot  ext4, a partition        /     ext4, lab/root
                                    /var  xfs, lab/var; the volume group has room left

The kernel of the machine that the lab runs on may know neither device mapper nor partitions of loop devices. So a first
virtual machine, whose root is a plain ext4, makes the disk of all others: lays out LVM, copies itself and installs GRUB.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness import cache, images
from harness.command import LabError, run
from harness.space import LAB

QEMU = "qemu-system-x86_64"
TOOLS = (QEMU, "qemu-img", "mkfs.ext4")
PACKAGES = (
    "linux-image-cloud-amd64 initramfs-tools udev grub-pc-bin grub2-common lvm2 thin-provisioning-tools xfsprogs e2fsprogs fdisk"
).split()

SEED_BYTES, DISK_BYTES = 2 << 30, 4 << 30
DOOR_PORT = 2222
BUILD_SECONDS = 600
"""It takes about two minutes, on two processors."""
BUILT = "lab: the disk is ready"

_BASE = "BELAY_LAB_VM_BASE"

DOOR = """#!/bin/bash
# One command for one connection: command and input, each a line of base64; then code and sizes, output and errors.
read -r command; read -r input
folder=$(mktemp -d /run/lab-door.XXXXXX)
printf %s "$input" | base64 -d >$folder/in
printf %s "$command" | base64 -d >$folder/command
/bin/sh $folder/command <$folder/in >$folder/out 2>$folder/err
code=$?
printf '%d %d %d\\n' $code $(stat -c %s $folder/out) $(stat -c %s $folder/err)
cat $folder/out $folder/err
rm -r $folder
"""

DOOR_SOCKET = f"""[Socket]
ListenStream={DOOR_PORT}
Accept=yes
MaxConnections=256
[Install]
WantedBy=sockets.target
"""

DOOR_SERVICE = """[Unit]
CollectMode=inactive-or-failed
[Service]
ExecStart=/usr/lib/lab-door
StandardInput=socket
StandardOutput=socket
StandardError=journal
KillMode=process
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root
"""

# What is one host's own comes on a second disk, as a tar archive.
SEED_SERVICE = """[Unit]
DefaultDependencies=no
BindsTo=dev-vdb.device
After=dev-vdb.device local-fs.target
Before=sysinit.target network-pre.target systemd-networkd.service
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/tar --extract --no-same-owner --file=/dev/vdb --directory=/
ExecStart=/bin/hostname --file /etc/hostname
[Install]
WantedBy=sysinit.target
"""

GRUB = """GRUB_TIMEOUT=0
GRUB_DISABLE_OS_PROBER=true
GRUB_TERMINAL=serial
GRUB_SERIAL_COMMAND="serial --speed=115200"
GRUB_CMDLINE_LINUX="console=ttyS0,115200 net.ifnames=0 panic=5 mitigations=off quiet"
"""

FSTAB = """/dev/mapper/lab-root / ext4 errors=remount-ro 0 1
/dev/mapper/lab-var /var xfs defaults 0 2
LABEL=boot /boot ext4 defaults 0 2
"""

FILES = {
    "usr/lib/lab-door": DOOR,
    "etc/systemd/system/lab-door.socket": DOOR_SOCKET,
    "etc/systemd/system/lab-door@.service": DOOR_SERVICE,
    "etc/systemd/system/lab-seed.service": SEED_SERVICE,
    "etc/default/grub": GRUB,
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_blk\nvirtio_net\nxfs\n",
    "etc/fstab.lab": FSTAB,
}

PREPARE = """
cp -r /srv/lab/vm/. /
chmod 755 /usr/lib/lab-door
systemctl -q mask systemd-networkd-wait-online.service
systemctl -q enable systemd-networkd.service lab-door.socket lab-seed.service
sed -i 's/^MODULES=.*/MODULES=list/' /etc/initramfs-tools/initramfs.conf
update-initramfs -u >/dev/null 2>&1
"""

BUILD = f"""#!/bin/sh
# The first process of the machine that makes the disk, and nothing else: it takes the power away at its end.
[ $$ = 1 ] && [ -b /dev/vdb ] || exit 1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
trap 'sync; echo o >/proc/sysrq-trigger; sleep 60' EXIT
set -ex
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sys /sys
mountpoint -q /run || mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
/lib/systemd/systemd-udevd --daemon
udevadm trigger
udevadm settle
printf 'label: dos\\nstart=2048, size=480M, type=83, bootable\\ntype=8e\\n' | sfdisk -q /dev/vdb
udevadm settle
mkfs.ext4 -q -L boot /dev/vdb1
pvcreate -q /dev/vdb2
vgcreate -q lab /dev/vdb2
lvcreate -q -y -n root -L 1500M lab
lvcreate -q -y -n var -L 700M lab
mkfs.ext4 -q /dev/lab/root
mkfs.xfs -q /dev/lab/var
mount /dev/lab/root /mnt
mkdir /mnt/boot /mnt/var
mount /dev/vdb1 /mnt/boot
mount /dev/lab/var /mnt/var
cp -ax /. /mnt
rm -rf /mnt/lab-build
mv /mnt/etc/fstab.lab /mnt/etc/fstab
for each in dev proc sys run; do mount --bind /$each /mnt/$each; done
chroot /mnt grub-install --target=i386-pc /dev/vdb
chroot /mnt update-grub
for each in dev proc sys run boot var; do umount /mnt/$each; done
umount /mnt
vgchange -an lab
set +x
echo '{BUILT}'
"""


def why_not() -> str | None:
    """The reason why no virtual machine can run here, or None."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {' '.join(missing)}"
    found = os.environ.get(_BASE, "was not asked for")
    return None if found.startswith("/") else f"the image of virtual machines {found}"


def fetch() -> None:
    """Called by the runner, while there is a network; what was found is handed over in the environment."""
    try:
        os.environ[_BASE] = str(images.debian("vm", [*images.PACKAGES, *PACKAGES]))
    except (LabError, OSError) as error:
        os.environ[_BASE] = f"can't be had: {error}"


def machine() -> list[str]:
    """What every virtual machine begins with. The processor's own virtualization only where somebody says that it works:
    inside of a virtual machine /dev/kvm may well open, and its guests hang."""
    accelerator = "kvm" if os.environ.get("BELAY_LAB_KVM") == "1" else "tcg,thread=multi,tb-size=256"
    command = [QEMU, "-accel", accelerator, "-cpu", "max", "-smp", "2", "-m", "768", "-nodefaults"]
    return [*command, "-display", "none", "-vga", "none", "-device", "virtio-rng-pci"]


def disk() -> Path:
    """The finished disk, with version 1.0 of every lab package installed: the backing file of each host's own."""
    host = images.layer("vm-host", [Path(os.environ[_BASE])], images.PREPARE_HOST + PREPARE, _put_files, _files_key())
    layers = images.with_initial_packages("vm-target", host)

    def build(folder: Path) -> None:
        print("lab: building the disk of virtual machines (about a minute)", flush=True)
        work = LAB / "layers" / folder.name
        merged, seed = work / "merged", folder / "seed"
        for path in (merged, folder / "upper", folder / "work"):
            path.mkdir(parents=True)
        images.mount_overlay(layers, folder / "upper", folder / "work", merged)
        try:
            (merged / "lab-build").write_text(BUILD)
            (merged / "lab-build").chmod(0o755)
            _make_disk(merged, seed, folder / "disk.qcow2", folder / "console")
        finally:
            subprocess.run(["umount", str(merged)], check=True)
            shutil.rmtree(work)
        for name in ("upper", "work"):
            shutil.rmtree(folder / name)
        seed.unlink()

    return cache.obtain("vm-disk", cache.key_of(layers[0].parent.name, BUILD), build) / "disk.qcow2"


def _put_files(files: Path) -> None:
    images.put_keys(files)
    for name, text in FILES.items():
        path = files / "vm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _files_key() -> str:
    return cache.key_of(images.keys_key(), *FILES.values())


def _make_disk(tree: Path, seed: Path, target: Path, console: Path) -> None:
    with seed.open("wb") as file:
        file.truncate(SEED_BYTES)
    run(["mkfs.ext4", "-q", "-F", "-d", str(tree), str(seed)], timeout=300)
    run(["qemu-img", "create", "-q", "-f", "qcow2", str(target), str(DISK_BYTES)])
    kernel, initrd = (next((tree / "boot").glob(f"{name}-*")) for name in ("vmlinuz", "initrd.img"))
    words = "root=/dev/vda rw init=/lab-build console=ttyS0,115200 panic=-1 quiet"
    command = [*machine(), "-no-reboot", "-serial", f"file:{console}"]
    command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", words]
    for file, form in ((seed, "raw"), (target, "qcow2")):
        command += ["-drive", f"file={file},format={form},if=virtio,cache=unsafe"]
    run(command, where="the machine that makes the disk", timeout=BUILD_SECONDS)
    said = console.read_text(errors="replace")
    if BUILT not in said:
        raise LabError(f"the disk of virtual machines was not made:\n{said[-3000:]}")
