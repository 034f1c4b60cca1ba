"""A private cluster that is removed leaves nothing, wherever its data had to lie."""

from pathlib import Path

from pipeline.adapters.private_cluster import PrivateCluster


def test_what_is_removed_is_gone_and_can_be_begun_anew(tmp_path: Path) -> None:
    cluster = PrivateCluster(tmp_path)
    data = Path(cluster.start().data_dir)
    assert (data / "PG_VERSION").is_file()

    cluster.remove()

    assert not cluster.is_running()
    assert cluster.known() is None
    assert not data.exists()
    cluster.remove()  # nothing is there: nothing to do
    assert cluster.start().data_dir == str(data)
    cluster.remove()
