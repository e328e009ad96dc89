"""File systems of paths, and a database that is not put on one of the network."""
import pytest

from sediff.candidates.database import check_place, open_database, transaction
from sediff.errors import BadInput
from sediff.formats import mounts
from sediff.formats.mounts import file_system_of, network_of

#: As in proc(5); the last column but three is the type. Later lines lie over earlier ones.
TABLE = r'''22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:25 / /tmp rw shared:2 - tmpfs tmpfs rw
41 22 0:40 / /data rw,relatime shared:3 master:1 - nfs4 server:/export rw,vers=4.2
42 41 8:1 / /data/local rw,relatime - xfs /dev/sda1 rw
43 22 0:41 / /home/a\040b rw - fuse.sshfs host: rw
44 22 0:42 / /lus rw - lustre 10.0.0.1@o2ib:/x rw,flock
short line
'''


@pytest.fixture
def table(tmp_path):
    """A table of mounts."""
    path = tmp_path / 'mountinfo'
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize('path, kind', [
    ('/data/dp33.sqlite', 'nfs4'), ('/data', 'nfs4'), ('/database/dp33.sqlite', 'ext4'), ('/data/local/x', 'xfs'),
    ('/home/a b/db/x', 'fuse.sshfs'), ('/lus/x', 'lustre'), ('/srv/x', 'ext4')])
def test_type_of_the_mount_that_holds_a_path(table, path, kind):
    assert file_system_of(path, table) == kind
    assert network_of(path, table) == (kind if kind in ('nfs4', 'lustre', 'fuse.sshfs') else '')


def test_a_link_counts_as_what_it_points_to(table, tmp_path):
    (tmp_path / 'link').symlink_to('/data')
    assert network_of(tmp_path / 'link' / 'x', table) == 'nfs4'


def test_no_table_of_mounts_is_no_network(tmp_path):
    assert network_of('/data', tmp_path / 'none') == ''


def test_a_database_on_the_network_is_rejected_unless_allowed(tmp_path, monkeypatch):
    """The disk of the test stands for one of the network."""
    monkeypatch.setattr(mounts, 'NETWORK', frozenset([file_system_of(tmp_path)]))
    url = f'sqlite:///{tmp_path}/db/dp33.sqlite'
    for ask in (check_place, open_database):
        with pytest.raises(BadInput, match=r'network file system.*DB_URL.*SQLITE_ON_NETWORK=allow'):
            ask(url)
    assert not (tmp_path / 'db').exists()
    with transaction(open_database(url, 'allow')) as connection:
        assert connection.exec_driver_sql('PRAGMA journal_mode').scalar() == 'delete'
    assert check_place('postgresql+psycopg://host/base')[1] == ''
    assert check_place('sqlite:///:memory:')[1] == ''
