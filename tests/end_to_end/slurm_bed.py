"""slurm_bed.py: a Slurm of one's own: slurmctld and two slurmd, on loopback, in a temporary folder, for any user.

No munge, no systemd, no accounting; memory by control groups where root can make those of version 1. Arrays of at most MaxArraySize tasks, jobs of `hi` preempt those of `main`.
"""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
MEMORY = "/sys/fs/cgroup/memory"  # of control groups, version 1
CONFIG = """ClusterName=bed
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/{task}
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=8000
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
{over_memory}
JobCompType=jobcomp/none
ReturnToService=2
KillWait=5
SlurmdTimeout={lost_after}
MinJobAge=3600
MaxArraySize={max_array}
MaxJobCount=1000
{nodes}
PartitionName=main Nodes={names} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=hi Nodes={names} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""


def missing():
    """Programs that are not installed."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def can_limit_memory():
    """Whether jobs can be held to their memory as clusters do it: by the kernel."""
    return os.access(MEMORY, os.W_OK) and os.path.exists(os.path.join(MEMORY, "memory.limit_in_bytes"))


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Bed:
    def __init__(self, max_array, cpus=2, names=NODES, lost_after=6, control_groups=False):
        """`lost_after`: seconds without a sign of life after which a node is down. Control groups bear the nodes' names."""
        self.names = names
        self.folder = tempfile.mkdtemp(prefix="attnlab-slurm-")
        self.config = os.path.join(self.folder, "slurm.conf")
        self.daemons = {}
        host = socket.gethostname().split(".")[0]
        ports = free_ports(1 + len(names))
        os.mkdir(os.path.join(self.folder, "state"))
        nodes = "\n".join(f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=64000 State=UNKNOWN"
                          for name, port in zip(names, ports[1:]))
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(host=host, ports=ports, user=user, folder=self.folder, max_array=max_array, nodes=nodes,
                                     names=",".join(names), lost_after=lost_after, task="cgroup" if control_groups else "none",
                                     over_memory="" if control_groups else "JobAcctGatherParams=OverMemoryKill"))
        if control_groups:
            with open(os.path.join(self.folder, "cgroup.conf"), "w", encoding="ascii") as file:
                file.write("CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\n")
        self.environment = dict(os.environ, SLURM_CONF=self.config, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        self.start("slurmctld", "-i")
        with contextlib.suppress(PermissionError):  # one that waits for a processor takes nodes for lost
            os.setpriority(os.PRIO_PROCESS, self.daemons["slurmctld"].pid, -10)
        for name in names:
            self.start_node(name)
        self.wait_until("its nodes are idle", lambda: self.ask("sinfo", "-h", "-p", "main", "-o", "%t").split() == ["idle"])

    def start(self, name, *words, key=None):
        self.daemons[key or name] = subprocess.Popen([name, "-D", "-f", self.config, *words], env=self.environment, stdin=subprocess.DEVNULL,
                                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def start_node(self, name):
        self.start("slurmd", "-N", name, key=name)

    def kill(self, key, number=signal.SIGKILL):
        self.daemons[key].send_signal(number)
        self.daemons.pop(key).wait()

    def ask(self, *words):
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False).stdout

    def jobs(self, *states):
        """{"12_3": state} of all tasks, or those in one of the states."""
        lines = self.ask("squeue", "-h", "-r", "-t", "all", "-o", "%F_%K %T").split("\n")
        return {words[0]: words[1] for words in map(str.split, lines) if len(words) == 2 and (not states or words[1] in states)}

    def node_of(self, job):
        return self.ask("squeue", "-h", "-r", "-j", job, "-o", "%N").strip()

    def wait_until(self, what, condition, seconds=30):
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                raise AssertionError(f"waited {seconds} s until {what}\n" + self.ask("squeue", "-r", "-t", "all") + self.ask("sinfo"))
            time.sleep(0.1)

    def close(self):
        self.ask("scancel", "-u", self.ask("id", "-un").strip())
        time.sleep(0.5)
        for key in list(self.daemons):
            self.kill(key, signal.SIGTERM)
        for entry in os.listdir("/proc"):  # steps of a node whose slurmd was killed
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    if f"SLURM_CONF={self.config}\0".encode() in file.read() and int(entry) != os.getpid():
                        os.kill(int(entry), signal.SIGKILL)
            except (OSError, ValueError):
                pass
        for name in self.names:
            for group, _, _ in os.walk(os.path.join(MEMORY, f"slurm_{name}"), topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(group)
        shutil.rmtree(self.folder, ignore_errors=True)
