"""The mask bits of DES."""
from sediff.maskbits import DIFFIMG_MASK, UNUSABLE, Bit, bit_words


def test_bits_are_single_and_distinct():
    values = [int(bit) for bit in Bit]
    assert values == [2 ** k for k in range(15)]


def test_difference_imaging_mask():
    """0x47FB less STAR, as the wrappers of DES-GW set it."""
    left_out = Bit.INTERP | Bit.STAR | Bit.SUSPECT | Bit.FIXED | Bit.NEAREDGE
    assert DIFFIMG_MASK == sum(Bit) - int(left_out) == 0x47FB - int(Bit.STAR)


def test_unusable_is_part_of_it():
    assert int(UNUSABLE) & ~DIFFIMG_MASK == 0 and UNUSABLE & Bit.SATURATE and not UNUSABLE & Bit.INTERP


def test_every_bit_has_a_word():
    assert len(set(bit_words(sum(Bit)))) == len(Bit) and bit_words(0) == ()
    assert bit_words(Bit.TRAIL | Bit.SATURATE) == ('saturated (SATURATE)', 'bleed trail (TRAIL)')
